"""Tests of docker-compose.yaml."""

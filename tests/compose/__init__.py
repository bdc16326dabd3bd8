"""The cluster of docker-compose.yaml."""

"""Files from which the containers of docker-compose.yaml are built and started."""

"""What the containers of docker-compose.yaml are made of and started with."""

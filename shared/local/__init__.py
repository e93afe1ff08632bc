"""The laptop: real servers, the broker, the story. Never in an image."""

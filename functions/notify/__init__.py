"""notify: what people must see reaches them, in their language, whatever is in it."""

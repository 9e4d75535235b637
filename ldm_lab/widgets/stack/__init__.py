"""The stack from prompt to sound as a picture: its boxes, what left each of them, and words about it."""

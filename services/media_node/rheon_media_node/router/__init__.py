"""Rooms on this node: who publishes, who is subscribed to whom, and what follows from every change. Pure state."""

"""Static timing: arcs as flat arrays, setup times, the timer, and its readable reference."""

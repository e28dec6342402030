"""Registered elements and meshes as gates: class periods, the clocked proof, and energy."""

# SPDX-License-Identifier: Apache-2.0
"""Registered elements and meshes as gates: class periods, the clocked proof, and energy."""

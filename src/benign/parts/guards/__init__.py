"""The guard axis: what happens at inference time. The main job needs none; guards come with their methods."""

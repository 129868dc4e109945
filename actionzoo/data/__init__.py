"""Annotated video: rendered puppets, recordings in memory, augmentation."""

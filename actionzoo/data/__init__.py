"""Labelled videos: readers of data sets, decoded videos, clips for a training, shards."""

"""The layouts that sets of labelled videos come in: class folders, lists in any dialect, official lists."""

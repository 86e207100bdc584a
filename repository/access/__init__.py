"""Handing out what is kept, every byte verified on the way, and entering what reading happened to see."""

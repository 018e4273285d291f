"""Where am I, and how do I move from here?"""

"""The building: a floor per thread, a room per function, as high as it has been used in the last stretch of time."""

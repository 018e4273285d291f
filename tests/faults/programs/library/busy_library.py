"""Copied below a site-packages folder by the test, so that it is library code."""


def step(x):
    return x + 1


def many_steps(count):
    x = 0
    for i in range(count):
        x = step(x)
        x ^= abs(i) % 7
    return x


def fails(number):
    raise LookupError(number)


def many_failures(count):
    caught = 0
    for i in range(count):
        try:
            fails(i)
        except LookupError:
            caught += 1
    return caught

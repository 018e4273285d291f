"""Spends its time in one way, so many times over; prints the CPU time that the process used for it, all its threads.

busy.py KIND TIMES FOLDER        FOLDER: the site-packages that busy_library.py lies in
"""

import time

began = time.process_time()  # before the imports: they are in the share that Scope tells

import sys
from html.parser import HTMLParser

sys.path.append(sys.argv[3])
import busy_library


def step(x):
    return x + 1


def recorded_calls(times):
    x = 0
    for i in range(times * 1000):
        x = step(x)
        x ^= i * i % 7


def nothing():
    pass


def recorded_nothing(times):
    for _ in range(times * 1000):
        nothing()


def countdown(n):
    while n:
        yield n
        n -= 1


def recorded_generators(times):
    total = 0
    for _ in range(times):
        for n in countdown(1000):
            total ^= n


class Account:
    """Methods, attributes, a loop: what people write."""

    rate = 3

    def __init__(self, name):
        self.name = name
        self.total = 0
        self.history = {}

    def add(self, amount):
        self.total += amount * self.rate
        self.history[amount & 63] = self.total
        if self.total > 1_000_000:
            self.reset()

    def reset(self):
        self.total = 0

    def largest(self):
        most = 0
        for value in self.history.values():
            most = max(most, value)
        return most


def recorded_objects(times):
    accounts = [Account(f"account {n}") for n in range(8)]
    for i in range(times * 100):
        for account in accounts:
            account.add(i)
        if i % 8 == 0:
            accounts[i % 7].largest()


def recorded_loops(times):
    """Few calls: the time goes into the functions themselves."""
    for _ in range(times):
        sieve(2_000)


def sieve(limit):
    marks = [True] * limit
    found = []
    for n in range(2, limit):
        if marks[n]:
            found.append(n)
            for multiple in range(n * n, limit, n):
                marks[multiple] = False
    return found


def recorded_failures(times):
    for i in range(times * 500):
        try:
            check(i)
        except ValueError:
            pass


def check(number):
    if number >= 0:
        raise ValueError(number)


def left_out_calls(times):
    busy_library.many_steps(times * 1000)


def left_out_failures(times):
    busy_library.many_failures(times * 500)


def html(times):
    """The standard library at work: regular expressions, and methods that call each other."""
    page = "<table>" + "<tr><td class='a' id=b>text &amp; more</td><td><br/></td></tr>" * 20 + "</table>"
    for _ in range(times):
        parser = HTMLParser()
        parser.feed(page)
        parser.close()


globals()[sys.argv[1]](int(sys.argv[2]))
print(time.process_time() - began)

"""Programs of several kinds of work, and of other people's code; prints the CPU time that the process used for it.

mixed.py KIND TIMES FOLDER        FOLDER: where installed packages lie
"""

import time

began = time.process_time()  # before the imports: they are in the share that Scope tells

import ast
import bisect
import contextlib
import importlib
import inspect
import json
import re
import sys

sys.path.append(sys.argv[3])

# -- text: regular expressions and JSON


def text(times):
    log = [f'{n} 10.0.0.{n % 200} "GET /page/{n}?id={n * 7} HTTP/1.1" {200 + n % 3} {n * 31}' for n in range(300)]
    for _ in range(times):
        by_status = {}
        for entry in parsed(log):
            by_status.setdefault(entry["status"], []).append(entry)
        json.loads(summary(by_status))


PATTERN = re.compile(r'(\d+) (\S+) "(\w+) (\S+) HTTP/[\d.]+" (\d+) (\d+)')


def parsed(lines):
    return [entry for entry in map(parse_line, lines) if entry]


def parse_line(line):
    found = PATTERN.match(line)
    if not found:
        return None
    number, host, method, path, status, size = found.groups()
    return {
        "n": int(number),
        "host": host,
        "verb": method,
        "query": query_of(path),
        "status": status,
        "size": int(size),
    }


def query_of(path):
    _, _, query = path.partition("?")
    return dict(pair.split("=") for pair in query.split("&") if pair)


def summary(by_status):
    return json.dumps({status: {"hosts": hosts(rows), "bytes": size(rows)} for status, rows in by_status.items()})


def hosts(rows):
    return sorted({row["host"] for row in rows})


def size(rows):
    return sum(row["size"] for row in rows)


# -- simulation: classes, properties, inheritance


class Vector:
    __slots__ = ("x", "y")

    def __init__(self, x, y):
        self.x = x
        self.y = y

    def __add__(self, other):
        return Vector(self.x + other.x, self.y + other.y)

    def __mul__(self, factor):
        return Vector(self.x * factor, self.y * factor)

    @property
    def length(self):
        return (self.x * self.x + self.y * self.y) ** 0.5


class Body:
    drag = 0.01

    def __init__(self, place, speed):
        self.place = place
        self.speed = speed
        self.seen = []

    def step(self, seconds):
        self.place = self.place + self.speed * seconds
        self.speed = self.speed * (1 - self.drag * seconds)
        if self.speed.length < 0.5:
            self.stop()

    def stop(self):
        self.speed = Vector(3.0, 1.0)


class Rocket(Body):
    fuel = 50.0

    def step(self, seconds):
        if self.fuel > 0:
            self.fuel -= self.burn(seconds)
            self.speed = self.speed + Vector(0.0, 0.5) * seconds
        super().step(seconds)
        self.seen.append(round(self.place.y, 2))
        if len(self.seen) > 20:
            self.seen.clear()

    def burn(self, seconds):
        return min(self.fuel, 2.0 * seconds)


def simulation(times):
    bodies = [
        Rocket(Vector(n, 0.0), Vector(1.0, n)) if n % 2 else Body(Vector(n, 0.0), Vector(1.0, n)) for n in range(30)
    ]
    for _ in range(times):
        for body in bodies:
            body.step(0.1)


# -- pipeline: generators that feed each other, closures, a handler


def pipeline(times):
    for _ in range(times):
        total = 0
        for chunk in chunks(even(scaled(numbers(600), by=3)), 5):
            total += sum(chunk)
        first(total)


def numbers(limit):
    n = 0
    while n < limit:
        yield n
        n += 1


def scaled(values, by):
    def scale(value):
        return value * by

    for value in values:
        yield scale(value)


def even(values):
    return (value for value in values if value % 2 == 0)


def chunks(values, size):
    chunk = []
    for value in values:
        chunk.append(value)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def first(total):
    try:
        return next(value for value in numbers(10) if value > total)
    except StopIteration:
        return None


# -- other people's code


def templates(times):
    """jinja2: lexing, parsing and compiling a template, then rendering it."""
    jinja2 = importlib.import_module("jinja2")
    source = (
        "{% macro cell(value) %}<td>{{ value|e }}</td>{% endmacro %}"
        "<table>{% for row in rows if row.shown %}<tr class={{ loop.cycle('a', 'b') }}>"
        "{% for key, value in row.items()|sort %}{{ cell(value) }}{% else %}none{% endfor %}</tr>{% endfor %}</table>"
    )
    rows = [{"shown": n % 3, "name": f"<{n}>", "size": n} for n in range(12)]
    for _ in range(times):
        jinja2.Environment().from_string(source).render(rows=rows)


def unparse(times):
    """The standard library turns the tree of one of its own modules into source again."""
    trees = [ast.parse(inspect.getsource(module)) for module in (bisect, contextlib)]
    for _ in range(times):
        for tree in trees:
            ast.unparse(tree)


def decimals(times):
    """The standard library's decimal arithmetic in Python: a square root by Newton's way, digit by digit."""
    decimal = importlib.import_module("_pydecimal")
    for n in range(times):
        root = decimal.Decimal(n + 2)
        for _ in range(8):
            root = (root + (n + 2) / root) / 2
        str(root.quantize(decimal.Decimal("0.0001")))


globals()[sys.argv[1]](int(sys.argv[2]))
print(time.process_time() - began)

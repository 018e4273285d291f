"""Templates that inherit, loop, call macros and fail."""

from jinja2 import DictLoader, Environment, TemplateError

templates = {
    "base": "<h1>{% block title %}{% endblock %}</h1>{% block body %}{% endblock %}",
    "page": "{% extends 'base' %}{% block title %}{{ name|upper }}{% endblock %}{% block body %}"
    "{% macro row(n) %}<i>{{ n * n }}</i>{% endmacro %}"
    "{% for n in range(count) %}{{ row(n) }}{% endfor %}{% endblock %}",
}
environment = Environment(loader=DictLoader(templates), autoescape=True)
print(environment.get_template("page").render(name="<all>", count=200))
try:
    environment.from_string("{{ 1 / zero }}").render(zero=0)
except (TemplateError, ZeroDivisionError) as problem:
    print(type(problem).__name__, problem)

"""A site of one page, in one file: `python django_site.py runserver PORT`."""

import sys

from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpResponse
from django.urls import path


def page(request):
    return HttpResponse("hello")


urlpatterns = [path("", page)]
settings.configure(DEBUG=True, ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="x", DATABASES={})

if __name__ == "__main__":
    execute_from_command_line(sys.argv)

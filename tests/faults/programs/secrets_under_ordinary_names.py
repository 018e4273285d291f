"""Globals and attributes that hold secrets under ordinary names, inside containers and inside texts."""

PASSWORD = "hunter2-global"
DATABASE_URL = "postgres://user:topsecret-url@host/db"
headers = {"Authorization": "Bearer abcdef-header", "x": 1}
config = {"db": {"password": "nested-pass"}, "aws_secret_access_key": "aws-nested"}
settings = ["--token=tok-in-list"]
line = "password=in-a-line"
private_key = b"-----BEGIN RSA PRIVATE KEY-----keybytes"
pem = "-----BEGIN RSA PRIVATE KEY-----pem-bytes"
pwd = "pwd-short"
SECRET_KEY = "django-secret"
api = "sk-live-abcdefghijkl"
ids = ["AKIAABCDEFGHIJKLMNOP"]
author = "plain-author"
where = "http://host:8080/plain-path"
note = "step: plain-step, token count"


class Login:
    def __init__(self):
        self.user = "plain-user"
        self.passwd = "attr-pass"
        self.pw = "attr-pw"
        self.auth = ("bob", "attr-auth-tuple")
        self.cookie = "session=attr-cookie"


login = Login()

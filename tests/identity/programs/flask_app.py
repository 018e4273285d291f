"""A Flask application asked through its test client: pages, an error, a cookie."""

from flask import Flask, jsonify, request, session

app = Flask(__name__)
app.secret_key = "not one"


@app.get("/")
def index():
    session["seen"] = session.get("seen", 0) + 1
    return f"page {session['seen']}"


@app.post("/sum")
def total():
    return jsonify(sum=sum(request.json))


@app.get("/broken")
def broken():
    raise ValueError("broken on purpose")


client = app.test_client()
for path in ("/", "/", "/missing", "/broken"):
    answer = client.get(path)
    print(answer.status, answer.get_data(as_text=True)[:60])
print(client.post("/sum", json=[1, 2, 3]).json)

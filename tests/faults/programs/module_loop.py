"""A beginner's script: everything at module level, so that every variable is a global."""

total = 0
words = []
for i in range(400_000):
    total += 1 + i * i % 7
    last = total
text = "x" * 100
for i in range(50_000):
    line = f"{i} {text}"
    words.append(len(line))
    if i % 2:
        del line
slow = "once"
print(total, len(words))

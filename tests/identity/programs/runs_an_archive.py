"""Packs an application into one file and runs it, as a zipapp is shipped."""

import subprocess
import sys
import zipfile

with zipfile.ZipFile("app.zip", "w") as archive:
    for name, text in {
        "__main__.py": "import sys, words\nprint(__name__, sys.argv[1:], words.double('ab'))\nsys.exit(6)\n",
        "words.py": "def double(text):\n    return text * 2\n",
    }.items():
        archive.writestr(zipfile.ZipInfo(name), text)
done = subprocess.run([sys.executable, "app.zip", "one"], capture_output=True, text=True, check=False)
print(done.returncode, done.stdout, done.stderr)

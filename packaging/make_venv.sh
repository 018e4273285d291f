#!/bin/sh
# Makes .venv with the pinned libraries and this checkout in it, so that .venv/bin/scope-gui runs.
#
# $PYTHON names the interpreter to use; without it the first one from 3.11 to 3.14 that starts is taken (a pyenv shim
# may be on PATH and still start nothing). Works without the python3-venv package: pip then fills the environment from
# outside. Run again, it brings an existing environment up to date.
set -eu

cd "$(dirname "$0")/.."
venv=.venv
supported='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))'

find_python() {
    for name in ${PYTHON:-python3 python3.11 python3.12 python3.13 python3.14 /usr/bin/python3}; do
        if "$name" -c "$supported" >/dev/null 2>&1; then
            "$name" -c 'import os, sys; print(os.path.realpath(sys.executable))'
            return 0
        fi
    done
    return 1
}

if [ -x $venv/bin/python ] && $venv/bin/python -c "$supported" >/dev/null 2>&1; then
    python=$($venv/bin/python -c 'import sys; print(sys._base_executable)')
else
    rm -rf $venv
    python=$(find_python) || {
        echo "Scope needs Python 3.11, 3.12, 3.13 or 3.14${PYTHON:+ ($PYTHON is not one)}." >&2
        echo "Install one (Debian: apt-get install python3) or name one: make setup PYTHON=/path/to/python3" >&2
        exit 1
    }
fi

sh packaging/system_packages.sh "$python"

pip() { # pip COMMAND...: its words are shown only when it fails; word splitting of $installer is wanted
    if ! "$@" --disable-pip-version-check --no-input >$venv/pip.log 2>&1; then
        cat $venv/pip.log >&2
        echo "pip failed; its words are above." >&2
        exit 1
    fi
}

if [ ! -x $venv/bin/python ]; then
    echo "Making $venv with $("$python" --version) ($python)"
    if "$python" -c 'import ensurepip' >/dev/null 2>&1; then
        "$python" -m venv $venv
    else
        "$python" -m venv --without-pip $venv
    fi
fi
if $venv/bin/python -c 'import pip' >/dev/null 2>&1; then
    installer="$venv/bin/python -m pip"
elif "$python" -c 'import pip' >/dev/null 2>&1; then
    installer="$python -m pip --python $venv/bin/python"
else
    rm -rf $venv
    echo "$python has neither ensurepip nor pip (Debian: apt-get install python3-venv)." >&2
    exit 1
fi

echo "Installing the pinned libraries"
pip $installer install --no-compile --require-hashes -r packaging/constraints.txt
$venv/bin/python -m compileall -q $venv/lib >/dev/null 2>&1 & # pip would do it first and keep the C compiler waiting
echo "Building the native parts and installing Scope"
pip $venv/bin/python -m pip install --no-deps --no-build-isolation --editable .
wait

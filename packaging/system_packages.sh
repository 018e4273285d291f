#!/bin/sh
# Makes sure that a C compiler and the headers of Python and libc are there, for the interpreter given as $1.
#
# Nothing is installed when a small program already compiles. Otherwise root (or passwordless sudo) installs only what
# is missing, quietly; anyone else gets the exact command to run and exit status 1.
set -eu

python=$1
include=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
minor=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

compiles() { # compiles PREPROCESSOR_LINE COMPILER_FLAGS...: does a program with this line build?
    printf '%s\nint main(void) { return 0; }\n' "$1" >"$folder/probe.c"
    shift
    "${CC:-gcc}" "$@" -o "$folder/probe" "$folder/probe.c" >/dev/null 2>&1
}

missing=""
if ! compiles '#include <pthread.h>'; then
    missing="gcc libc6-dev"
fi
if [ ! -e "$include/Python.h" ]; then
    case $("$python" -c 'import sys; print(sys.base_prefix)') in
    /usr) missing="$missing python$minor-dev" ;;
    *)
        echo "$python has no headers: $include/Python.h is missing." >&2
        echo "Use another interpreter: make setup PYTHON=/usr/bin/python3" >&2
        exit 1
        ;;
    esac
fi
missing=${missing# }
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "Scope builds small C parts and needs a C compiler and Python's headers (on Debian: $missing)." >&2
    exit 1
fi
if [ "$(id -u)" = 0 ]; then
    as_root="env"
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    as_root="sudo -n env"
else
    echo "Scope builds small C parts. Please install what it needs, then run make again:" >&2
    echo "    sudo apt-get update && sudo apt-get install --no-install-recommends $missing" >&2
    exit 1
fi

echo "Installing system packages: $missing"
install() {
    # shellcheck disable=SC2086 # word splitting is wanted: both are lists
    $as_root DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing \
        >"$folder/log" 2>&1
}
if ! install; then # most often the package lists are empty or old
    $as_root DEBIAN_FRONTEND=noninteractive apt-get update -qq >"$folder/update.log" 2>&1 || cat "$folder/update.log" >&2
    install || {
        cat "$folder/log" >&2
        echo "apt-get could not install: $missing" >&2
        exit 1
    }
fi

#!/bin/sh
# autogen.sh - make 'configure' from configure.ac; run it once after a clone.
set -e
cd "$(dirname "$0")"
mkdir -p build-aux
exec autoreconf --install --force --warnings=all,no-obsolete "$@"

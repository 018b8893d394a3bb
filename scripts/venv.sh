#!/bin/sh
# Makes a virtual environment with pinned packages, and keeps it: made anew for another Python or another place,
# brought up to date when the pins change. What is missing is told in one sentence.
# For any POSIX shell; the first lines also run on a Python that is too old.
#
#   sh scripts/venv.sh FOLDER PYTHON [PINS [PROJECT]]
#
# PYTHON is a command. Empty: python3, or whichever Python has made the environment that is there.
# PINS is a requirements file with hashes. PROJECT is a folder that is installed in place.
set -eu
folder=$1 python=$2 pins=${3:-} project=${4:-}

fail() {
  echo "c1fn: $*" >&2
  exit 1
}

# The version of a command, and where it is installed; nothing if it does not run.
describe() {
  "$1" -c 'import sys; print("%d.%d %s" % (sys.version_info[0], sys.version_info[1], getattr(sys, "base_prefix", "")))' \
    2>/dev/null || true
}

install() {
  "$folder/bin/python" -m pip --disable-pip-version-check install --progress-bar off "$@" ||
    fail "the packages could not be installed; pip says why, above. They are fetched from the package index once:" \
      "HTTPS_PROXY names a proxy, PIP_INDEX_URL a mirror."
}

# Whether a note in the environment says this.
is() {
  [ "$(cat "$folder/$1" 2>/dev/null)" = "$2" ]
}

case $folder in
  /*) place=$folder ;;
  *) place=$(pwd -P)/$folder ;;
esac
made="$(describe "${python:-$folder/bin/python}") in $place"
holds=$(cat ${pins:+"$pins"} ${project:+"$project/pyproject.toml"} </dev/null | cksum)
if is made "$made" && is ready "$holds"; then exit 0; fi
if ! is made "$made"; then
  python=${python:-python3}
  name=$(basename "$python")
  version=$(describe "$python")
  [ -n "$version" ] || fail "$python was not found or does not start. Debian, Ubuntu: apt-get install -y $name" \
    "$name-venv · macOS: brew install python · another one: make … PYTHON=python3.13"
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "Python 3.11 or later is needed, and" \
    "$python is ${version%% *}. Name a newer one: make … PYTHON=python3.13"
  "$python" -c 'import ensurepip, venv' 2>/dev/null || fail "$python has no venv module." \
    "Debian, Ubuntu: apt-get install -y $name-venv"
  "$python" -m venv --clear "$folder"
  echo "$(describe "$folder/bin/python") in $place" >"$folder/made"
fi
rm -f "$folder/ready"
[ -z "$pins" ] || install --require-hashes --requirement "$pins"
[ -z "$project" ] || install --no-build-isolation --no-deps --editable "$project"
echo "$holds" >"$folder/ready"

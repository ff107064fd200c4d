#!/bin/sh
# Stands for Amazon Linux's package manager: installs all that this image has, whatever is requested.
set -eu
echo "dnf: this is a stand-in for $STANDS_IN_FOR: Debian's libraries are installed"
dpkg --install /opt/packages/*.deb

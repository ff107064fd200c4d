#!/bin/sh
# Starts LocalStack, as the image that this one stands in for does.
set -eu
echo "This is a stand-in for $STANDS_IN_FOR, made by 'bin/ops stack images'."
cd /var/lib/localstack
mkdir -p lib cache tmp logs state
exec python -m localstack.runtime.main

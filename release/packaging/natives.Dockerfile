# The shared libraries that draw the invoice, from the packages of the release that Lambda's image is made of:
# `release/packaging/build.py` runs it, and takes the folder lib/ that comes out.
ARG IMAGE
FROM ${IMAGE} AS collected
# The release of the image itself: the same packages in every build, and none newer than what Lambda has.
RUN read -r _ _ _ release _ < /etc/amazon-linux-release \
    && dnf install -y --releasever="$release" --setopt=install_weak_deps=0 pango harfbuzz fontconfig \
    && ldconfig
COPY natives.py /natives.py
RUN python /natives.py /natives/lib

FROM scratch
COPY --from=collected /natives /

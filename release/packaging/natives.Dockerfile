# Collects the shared libraries that render the invoice, from the Amazon Linux release of Lambda's image.
# release/packaging/libraries.py builds it and packs the resulting folder lib/.
ARG IMAGE
FROM ${IMAGE} AS collected
# Install from the image's own release: the same packages in every build, none newer than Lambda's.
RUN read -r _ _ _ release _ < /etc/amazon-linux-release \
    && dnf install -y --releasever="$release" --setopt=install_weak_deps=0 pango harfbuzz fontconfig \
    && ldconfig
COPY natives.py /natives.py
RUN python /natives.py /natives/lib

FROM scratch
COPY --from=collected /natives /

# Stand-in for LocalStack's image; localstack/stand_ins/images.py stages the files.
FROM scratch
ARG REAL
ADD root.tar /
COPY files /
ENV STANDS_IN_FOR=${REAL} \
    PATH=/opt/code/localstack/.venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONUNBUFFERED=1 \
    # Both would need the internet.
    SKIP_SSL_CERT_DOWNLOAD=1 \
    DISABLE_EVENTS=1
WORKDIR /opt/code/localstack
EXPOSE 4566
VOLUME /var/lib/localstack
ENTRYPOINT ["docker-entrypoint.sh"]

# Stand-in for Lambda's image of Python; localstack/stand_ins/images.py stages the files.
FROM scratch
ARG REAL
ADD root.tar /
COPY files /
RUN echo "Amazon Linux release 2023.0.0 (stand-in for ${REAL})" > /etc/amazon-linux-release \
    && echo 'sbx_user1051:x:993:990::/home/sbx_user1051:/sbin/nologin' >> /etc/passwd \
    && echo /var/lang/lib > /etc/ld.so.conf.d/lang.conf \
    && /sbin/ldconfig
ENV STANDS_IN_FOR=${REAL} \
    LANG=en_US.UTF-8 \
    LAMBDA_TASK_ROOT=/var/task \
    LAMBDA_RUNTIME_DIR=/var/runtime \
    LD_LIBRARY_PATH=/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib \
    PATH=/var/lang/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/bin
WORKDIR /var/task

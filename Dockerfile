# The service in a container: docs/service.md says how to run it.
FROM python:3.12-slim
RUN --mount=type=bind,target=/src,rw \
    pip install --no-cache-dir "$(grep '^torch==' /src/requirements.txt)" \
        --index-url https://download.pytorch.org/whl/cpu && \
    pip install --no-cache-dir -c /src/requirements.txt '/src[serve,formats]' /src/assets/*.whl
ENV OMP_NUM_THREADS=1
USER 65534:65534
EXPOSE 8080
ENTRYPOINT ["bioner-mtl", "serve", "en_bioner_mtl", "--host", "0.0.0.0"]

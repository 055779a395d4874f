# One image for the gateway, the controllers and `tidegate up`:
#
#   docker build --tag tidegate:dev .
#   docker run --rm --init --read-only --tmpfs /tmp --volume tidegate-state:/var/lib/tidegate \
#     --volume "$PWD/examples/hello:/manifests:ro" --publish 127.0.0.1:8080:8080 \
#     tidegate:dev up --host 0.0.0.0
#
# The first stage builds. What runs has the virtual environment alone: no compiler, no pip, no tree.
ARG PYTHON_IMAGE=python:3.12.14-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
# What changes rarely comes first: a change of the code does not fetch all of this anew.
COPY requirements/build.txt requirements/image.txt requirements/
# Wheels alone, so that nothing is compiled; nkeys is pure Python and has none.
RUN pip install --require-hashes --only-binary :all: --requirement requirements/build.txt \
 && pip wheel --require-hashes --only-binary :all: --no-binary nkeys --no-build-isolation \
      --wheel-dir /wheels --requirement requirements/image.txt
COPY pyproject.toml README.md LICENSE ./
COPY controllers/ controllers/
COPY gateway/ gateway/
COPY manifests/ manifests/
COPY runtimes/ runtimes/
COPY tidegate/ tidegate/
# The check at the end fails when requirements/image.txt lacks something that ours asks for.
RUN pip wheel --no-deps --no-index --no-build-isolation --wheel-dir /wheels . \
 && python -m venv --without-pip /opt/tidegate \
 && pip --python /opt/tidegate/bin/python install --no-deps --no-index /wheels/*.whl \
 && pip --python /opt/tidegate/bin/python check

FROM ${PYTHON_IMAGE}
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Tidegate" \
      org.opencontainers.image.description="An event gate for functions" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# A function with dependencies of its own gets its pip from the interpreter's ensurepip.
RUN pip uninstall --yes --root-user-action ignore pip \
 && groupadd --gid 10001 tidegate \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/tidegate \
      --shell /usr/sbin/nologin tidegate \
 && install --directory --owner 10001 --group 10001 --mode 0700 /var/lib/tidegate
COPY --from=build /opt/tidegate /opt/tidegate
ENV PATH=/opt/tidegate/bin:$PATH \
    HOME=/var/lib/tidegate \
    TIDEGATE_STATE=/var/lib/tidegate \
    PIP_NO_CACHE_DIR=1 \
    PYTHONDONTWRITEBYTECODE=1
WORKDIR /manifests
# By number, so that Kubernetes can tell that it is not root.
USER 10001:10001
EXPOSE 8080 8081
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-I", "-c", "from http.client import HTTPConnection as C; c = C('127.0.0.1', 8081, timeout=3); c.request('GET', '/livez'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["tidegate"]
CMD ["--help"]

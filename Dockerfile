# docker build --tag convoy .                               searches, and Ray's nodes
# docker build --tag convoy-tracking --target tracking .    the tracking server, without torch
# docs/containers.md explains how to run them.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS base
# Whoever runs it, and on whatever is read-only, has a home: /tmp.
ENV PYTHONUNBUFFERED=1 HOME=/tmp USER=convoy
RUN useradd --no-create-home --uid 1000 convoy
WORKDIR /convoy
COPY deploy/slim.sh deploy/


FROM base AS tracking
COPY locks/tracking.txt locks/
RUN pip install --no-cache-dir --no-deps --only-binary :all: --require-hashes --requirement locks/tracking.txt \
    && sh deploy/slim.sh
COPY deploy deploy
# A volume that is mounted here takes over who may write.
RUN mkdir /artifacts && chown convoy /artifacts
ENV MLFLOW_HOST=0.0.0.0 MLFLOW_ARTIFACTS_DESTINATION=/artifacts
USER 1000
EXPOSE 5000
HEALTHCHECK --start-period=90s CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:5000/health', timeout=5)"]
ENTRYPOINT ["sh", "deploy/tracking-server.sh"]


# Dependencies change more rarely than the code: layers of their own, from the files that were tested.
FROM base AS dependencies
COPY locks/search.txt locks/
RUN pip install --no-cache-dir --no-deps --only-binary :all: --require-hashes --requirement locks/search.txt \
    && sh deploy/slim.sh
# An index of torch's wheels decides for which CUDA, or that it is for the CPU alone: the same version
# of torch, with what it brings there. Without one, the usual wheels, which are for CUDA, and run on
# the CPU where there is no GPU.
ARG TORCH_INDEX=""
COPY locks/torch.txt locks/
RUN if [ -z "$TORCH_INDEX" ]; then \
        pip install --no-cache-dir --no-deps --only-binary :all: --require-hashes --requirement locks/torch.txt; \
    else \
        sed -nE 's/^(torch(vision)?==[^ ]+).*/\1/p' locks/torch.txt > /tmp/torch.txt \
        && pip install --no-cache-dir --only-binary :all: --index-url "$TORCH_INDEX" --requirement /tmp/torch.txt \
        && rm /tmp/torch.txt; \
    fi && sh deploy/slim.sh


FROM dependencies AS search
# Links to the code, which lies here as in the repository.
COPY pyproject.toml ./
RUN touch README.md LICENSE && mkdir search trainables analysis convoy \
    && pip install --no-cache-dir --no-deps --no-build-isolation --editable .
COPY search search
COPY trainables trainables
COPY analysis analysis
COPY convoy convoy
COPY configs configs
RUN mkdir -p runs data /shared/runs /shared/data /shared/cache && chown -R convoy runs data /shared
USER 1000
# A role of a Ray cluster, or a command of convoy; without one, a list of them. A container's first
# process gets no signal that it does not handle yet: blocked, they wait until it does.
ENTRYPOINT ["env", "--block-signal=HUP,INT,QUIT,TERM,USR1", "python", "-m", "convoy.container"]

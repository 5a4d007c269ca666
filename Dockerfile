# docker build --tag convoy .                               a search, and Ray's nodes
# docker build --tag convoy-tracking --target tracking .    the tracking server, without torch
# docs/containers.md tells how they are run.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS base
ENV PYTHONUNBUFFERED=1
RUN useradd --create-home --uid 1000 convoy
WORKDIR /convoy
COPY constraints.txt ./


FROM base AS tracking
# The extra "service" of pyproject.toml alone, as the rest of Convoy brings torch.
RUN pip install --no-cache-dir --constraint constraints.txt "mlflow[auth]" "psycopg[binary]"
COPY deploy deploy
# A volume that is mounted here takes over who may write.
RUN mkdir /artifacts && chown convoy /artifacts
ENV MLFLOW_HOST=0.0.0.0 MLFLOW_ARTIFACTS_DESTINATION=/artifacts
USER 1000
EXPOSE 5000
HEALTHCHECK --start-period=90s CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:5000/health', timeout=5)"]
ENTRYPOINT ["sh", "deploy/tracking-server.sh"]


FROM base AS search
# An index of torch's wheels decides for which CUDA, or that it is for the CPU alone. Without one,
# the usual wheels, which are for CUDA, and run on the CPU where there is no GPU.
ARG TORCH_INDEX=""
RUN if [ -n "$TORCH_INDEX" ]; then \
        pip install --no-cache-dir --no-deps --index-url "$TORCH_INDEX" \
            --constraint constraints.txt torch torchvision; \
    fi
# Dependencies change more rarely than the code: a layer of their own, for which the packages are
# empty folders, from the versions that were tested.
COPY pyproject.toml ./
RUN touch README.md LICENSE && mkdir search trainables analysis convoy \
    && pip install --no-cache-dir --constraint constraints.txt --editable '.[cluster]'
COPY search search
COPY trainables trainables
COPY analysis analysis
COPY convoy convoy
COPY configs configs
RUN mkdir -p runs data /shared/runs /shared/data /shared/cache && chown -R convoy runs data /shared
USER 1000
ENTRYPOINT ["python", "-m", "search.run"]
CMD ["--list"]

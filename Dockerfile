# docker build -t convoy . && docker run --rm -v "$PWD/runs:/runs" convoy --space gap5 --data embedded
ARG PYTHON=3.11
FROM python:${PYTHON}-slim

RUN useradd --create-home convoy && mkdir /runs && chown convoy /runs
WORKDIR /convoy

# Dependencies change more rarely than the code: a layer of their own, from what was tested.
COPY pyproject.toml constraints.txt README.md LICENSE ./
RUN mkdir search trainables analysis \
    && pip install --no-cache-dir -c constraints.txt -e .

COPY search search
COPY trainables trainables
COPY analysis analysis
COPY configs configs

USER convoy
ENTRYPOINT ["python", "-m", "search.run", "--out", "/runs"]
CMD ["--list"]

# The function as a container image, from what `make package` laid out: docs/deploy.md.
# A build argument, so that one Dockerfile serves both processors: docker build --build-arg ARCH=x86_64
FROM public.ecr.aws/lambda/python:3.13
ARG ARCH=arm64
COPY dist/${ARCH}/ /var/task/
# As in the zip: the image's own start script hands over to the wrapper.
ENV AWS_LAMBDA_EXEC_WRAPPER=/var/task/c1fn/runtime/bootstrap
CMD ["handler.handler"]

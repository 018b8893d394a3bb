// A plain loop over Lambda's Runtime API with what AWS's runtime gives a handler to stream with.
// AWS_LAMBDA_MAX_CONCURRENCY invocations at once, as on Managed Instances. `node runtime.mjs MODULE`
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
import http from "node:http";
import { once } from "node:events";
import { pathToFileURL } from "node:url";

const [hostname, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new http.Agent({ keepAlive: true });
const API = { hostname, port, agent, path: "/2018-06-01/runtime/invocation/" };
const STREAMED = {
  "Content-Type": "application/vnd.awslambda.http-integration-response",
  "Lambda-Runtime-Function-Response-Mode": "streaming",
};

globalThis.awslambda = {
  streamifyResponse: (handler) => handler,
  HttpResponseStream: {
    from(response, head) {
      response.write(JSON.stringify(head));
      response.write(Buffer.alloc(8));
      return response;
    },
  },
};

async function read(request) {
  const [response] = await once(request, "response");
  const pieces = [];
  for await (const piece of response) pieces.push(piece);
  return { headers: response.headers, body: Buffer.concat(pieces) };
}

async function serve(handler) {
  for (;;) {
    const { headers, body } = await read(http.get({ ...API, path: `${API.path}next` }));
    const id = headers["lambda-runtime-aws-request-id"];
    const response = http.request({ ...API, path: `${API.path}${id}/response`, method: "POST", headers: STREAMED });
    const accepted = read(response);
    await handler(JSON.parse(body), response, { awsRequestId: id });
    await accepted;
  }
}

const { handler } = await import(pathToFileURL(process.argv[2]));
const atOnce = Number(process.env.AWS_LAMBDA_MAX_CONCURRENCY ?? 1);
await Promise.all(Array.from({ length: atOnce }, () => serve(handler)));

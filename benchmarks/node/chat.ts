// The C1 quickstart's route as a streamed Lambda function, as one would write it. It is the peer of
// benchmarks/peers/plain.py: threads in one item each; no replay, no lock, no stop, no limit.
// https://docs.aws.amazon.com/lambda/latest/dg/config-rs-write-functions.html
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient, GetCommand, PutCommand } from "@aws-sdk/lib-dynamodb";
import type { Writable } from "node:stream";
import OpenAI from "openai";

type Message = { role: "user" | "assistant"; content: string; id?: string };
type Head = { statusCode: number; headers: Record<string, string> };

declare const awslambda: {
  streamifyResponse(handler: (event: { body: string }, response: Writable) => Promise<void>): unknown;
  HttpResponseStream: { from(response: Writable, head: Head): Writable };
};

const TableName = process.env.TABLE;
const HEADERS = { "Content-Type": "text/event-stream", "Cache-Control": "no-cache, no-transform" };

const model = new OpenAI({ apiKey: process.env.THESYS_API_KEY, baseURL: process.env.BASE_URL });
const database = DynamoDBDocumentClient.from(new DynamoDBClient({ endpoint: process.env.DYNAMODB_ENDPOINT }));

export const handler = awslambda.streamifyResponse(async (event, response) => {
  const { prompt, threadId, responseId } = JSON.parse(event.body);
  const { Item } = await database.send(new GetCommand({ TableName, Key: { id: threadId } }));
  const messages: Message[] = [...(Item?.messages ?? []), prompt];
  const stream = await model.chat.completions.create({
    model: "c1-nightly",
    messages: messages.map(({ role, content }) => ({ role, content })),
    stream: true,
  });
  const body = awslambda.HttpResponseStream.from(response, { statusCode: 200, headers: HEADERS });
  let said = "";
  for await (const chunk of stream) {
    const content = chunk.choices[0]?.delta?.content;
    if (content) {
      said += content;
      body.write(content);
    }
  }
  messages.push({ role: "assistant", content: said, id: responseId });
  await database.send(new PutCommand({ TableName, Item: { id: threadId, messages } }));
  body.end();
});

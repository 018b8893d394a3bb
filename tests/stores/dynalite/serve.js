// dynalite on 127.0.0.1, with what it lacks and c1fn needs. What is added:
// * ReturnValuesOnConditionCheckFailure=ALL_OLD: a failed condition's error carries the row that stands there.
//   It is validated as a parameter of the three writes, and put into the error where the condition is checked.
// * UpdateTimeToLive is answered; no row is ever deleted for its time, as also DynamoDB may take days.
// * A client that is killed within a request ends that request. dynalite would end itself: it throws what its
//   requests fail with.
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutItem.html
const dynalite = require("dynalite");
const db = require("dynalite/db");

for (const operation of ["putItem", "updateItem", "deleteItem"])
  require(`dynalite/validations/${operation}`).types.ReturnValuesOnConditionCheckFailure = {
    type: "String",
    enum: ["ALL_OLD", "NONE"],
  };

const { checkConditional } = db;
db.checkConditional = (data, row) => {
  const error = checkConditional(data, row);
  if (error && row && data.ReturnValuesOnConditionCheckFailure === "ALL_OLD") error.body.Item = row;
  return error;
};

process.on("uncaughtException", (error) => {
  if (error.code === "ECONNRESET") return;
  console.error(error);
  process.exit(1);
});

const server = dynalite({ createTableMs: 0, deleteTableMs: 0 });
const [answer] = server.listeners("request");
server.removeAllListeners("request");
server.on("request", (request, response) => {
  if (!request.headers["x-amz-target"]?.endsWith(".UpdateTimeToLive")) return answer(request, response);
  request.resume();
  response.writeHead(200, { "Content-Type": "application/x-amz-json-1.0" });
  response.end("{}");
});
server.listen(Number(process.env.GATEWAY_PORT), "127.0.0.1");

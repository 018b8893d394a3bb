// dynalite on 127.0.0.1, with what it lacks and c1fn needs. What is added:
// * ReturnValuesOnConditionCheckFailure=ALL_OLD: a failed condition's error carries the row that stands there.
//   It is validated as a parameter of the three writes, and put into the error where the condition is checked.
// * UpdateTimeToLive is answered; no row is ever deleted for its time, as also DynamoDB may take days.
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

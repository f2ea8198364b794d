// A small node `soap` service that does equal work: it reads the header's credentials, one row by
// its number from the portal's own database, and answers TicketGet. One process for each core.
"use strict";

const cluster = require("node:cluster");
const crypto = require("node:crypto");
const http = require("node:http");
const soap = require("soap");

const { BENCH_DATABASE, BENCH_WSDL, BENCH_PORT, BENCH_LOGIN, BENCH_PASSWORD } = process.env;
const COLUMNS = {
  GHD_Description: "description",
  GHD_Last_Modifier: "last_author",
  GHD_Priority: "priority",
  GHD_Request_ID: "number",
  GHD_Responsible_Unit: "unit",
  GHD_Short_Description: "title",
  GHD_Detailed_Solution: "solution",
  GHD_Status: "state",
  GHD_Type_Of_Problem: "type_of_problem",
  GHD_Affected_VO: "affected_vo",
  GHD_Date_Of_Change: "changed_at",
  GHD_Date_Of_Creation: "created_at",
  GHD_Loginname: "submitter_login",
  GHD_Name: "submitter_name",
  GHD_Related_Issue: "related_issue",
};

function reader() {
  const url = new URL(BENCH_DATABASE);
  if (url.protocol === "sqlite:") {
    const Database = require("better-sqlite3");
    const statement = new Database(url.pathname.slice(1), { readonly: true }).prepare(
      "SELECT * FROM tickets WHERE number = ?",
    );
    return async (number) => statement.get(number);
  }
  const { Pool } = require("pg");
  const pool = new Pool({
    host: url.searchParams.get("host"),
    user: "portal",
    database: url.pathname.slice(1),
    max: 8,
  });
  const query = { name: "ticket", text: "SELECT * FROM tickets WHERE number = $1" };
  return async (number) => (await pool.query({ ...query, values: [number] })).rows[0];
}

function serve() {
  const read = reader();
  const digest = (text) => crypto.createHash("sha256").update(String(text)).digest();
  const login = digest(BENCH_LOGIN);
  const password = digest(BENCH_PASSWORD);

  async function ticketGet(sent, _callback, headers) {
    const given = headers.AuthenticationInfo || {};
    if (
      !crypto.timingSafeEqual(digest(given.userName), login) ||
      !crypto.timingSafeEqual(digest(given.password), password)
    ) {
      throw new Error("not logged in");
    }
    const row = await read(Number(sent.GHD_Request_ID));
    const answer = {};
    for (const [element, column] of Object.entries(COLUMNS)) {
      if (row[column]) {
        const value = row[column];
        answer[element] = value instanceof Date ? value.toISOString() : String(value);
      }
    }
    return answer;
  }

  const server = http.createServer((_request, response) => response.end());
  const wsdl = require("node:fs").readFileSync(BENCH_WSDL, "utf8");
  server.listen(Number(BENCH_PORT), "127.0.0.1", () => {
    const port = { TicketGet: ticketGet };
    soap.listen(server, "/soap/GGUS", { GGUSService: { GGUSSoap: port } }, wsdl);
  });
}

if (cluster.isPrimary) {
  cluster.fork();
  cluster.fork();
  cluster.on("exit", () => process.exit(1));
} else {
  serve();
}

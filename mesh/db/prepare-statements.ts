import type postgres from "postgres";

/**
 * Makes a client prepare every statement that carries parameters, also inside transactions.
 *
 * Drizzle asks for unprepared statements, which cost two round trips each: parse and describe, then bind and
 * execute. A prepared one costs a single round trip from its second use on a connection.
 */
export function prepareStatements<Client extends postgres.Sql>(client: Client): Client {
  prepareUnsafe(client);
  const begin = client.begin.bind(client);
  const preparing = (work: (sql: postgres.TransactionSql) => unknown) =>
    begin((sql) => {
      prepareUnsafe(sql);
      return work(sql);
    });
  return Object.assign(client, { begin: preparing });
}

function prepareUnsafe(client: postgres.ISql): void {
  const unsafe = client.unsafe.bind(client);
  const preparing: typeof unsafe = (query, parameters, options) =>
    unsafe(query, parameters, { ...options, prepare: true });
  Object.assign(client, { unsafe: preparing });
}

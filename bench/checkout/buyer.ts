import type { Http } from "../../tests/e2e/http.ts";

const address = {
  recipient: "Ada",
  line1: "12 St James Square",
  city: "London",
  postalCode: "SW1Y 4JH",
  country: "GB",
};

/** Orders one piece of something that there is plenty of, again and again, over HTTP/JSON. */
export async function createBuyer(http: Http) {
  const login = (email: string, password: string) => http("POST /v1/sessions", { body: { email, password } });
  const [admin, ada] = await Promise.all([
    login("admin@heddle.local", "heddle-admin"),
    login("ada@heddle.local", "heddle-demo"),
  ]);
  const token: string = ada.body.accessToken;
  const products: { id: string }[] = (await http("GET /v1/products?pageSize=20")).body.products;
  const plenty = { delta: 100_000, reason: "benchmark" };
  for (const { id } of products) {
    await http(`POST /v1/stock/${id}:adjust`, { token: admin.body.accessToken, body: plenty });
  }
  let placed = 0;

  /** Places one order and returns its id. */
  async function place(): Promise<string> {
    const items = [{ productId: products[placed++ % products.length]?.id, quantity: 1 }];
    const body = { items, paymentMethod: "pm_card_visa", shippingAddress: address };
    const answer = await http("POST /v1/orders", { token, body });
    if (answer.status !== 200)
      throw new Error(`an order was answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    return answer.body.id;
  }

  /** Places `count` orders, `inFlight` at a time. */
  async function placeMany(count: number, inFlight: number): Promise<void> {
    let left = count;
    const worker = async () => {
      while (left-- > 0) await place();
    };
    await Promise.all(Array.from({ length: inFlight }, worker));
  }

  /** Waits until an order is confirmed, asking as fast as it is answered. */
  async function confirmed(id: string): Promise<void> {
    for (;;) {
      const { body } = await http(`GET /v1/orders/${id}`, { token });
      if (body.status === "ORDER_STATUS_CONFIRMED") return;
      if (body.status !== "ORDER_STATUS_PENDING") throw new Error(`order ${id} ended ${body.status}`);
    }
  }

  /** Whether every order is confirmed. */
  async function everyConfirmed(pageToken = ""): Promise<boolean> {
    const { body } = await http(`GET /v1/orders?pageSize=100&pageToken=${pageToken}`, { token });
    const page = body.orders.every(({ status }: { status: string }) => status === "ORDER_STATUS_CONFIRMED");
    return page && (body.nextPageToken === "" || everyConfirmed(body.nextPageToken));
  }

  /** Waits until every order is confirmed, asking every 200 ms, about the newest first. */
  async function allConfirmed(): Promise<void> {
    while (!(await everyConfirmed())) await new Promise((resolve) => setTimeout(resolve, 200));
  }

  return { place, placeMany, confirmed, allConfirmed };
}

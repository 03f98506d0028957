/** What the model's client can do next. Protected means: with the keys that it would use now, or with keys of zeros when it has none. */
export const SYMBOLS = [
  /** A hello without cookie; nothing follows on its answer. */
  "HELLO",
  /** A new hello, without and then with the cookie. */
  "HELLO_COOKIE",
  /** The same with the id of a session that the server has. */
  "HELLO_RESUME",
  /** The last hello with a cookie once more. */
  "HELLO_AGAIN",
  "PSK_KEY_EXCHANGE",
  "ECDH_KEY_EXCHANGE",
  "CERTIFICATE",
  "CERTIFICATE_EMPTY",
  "CERTIFICATE_VERIFY",
  /** Signed by another key. */
  "CERTIFICATE_VERIFY_FORGED",
  "CHANGE_CIPHER_SPEC",
  "FINISHED",
  /** Protected as it should be, with other verify_data. */
  "FINISHED_FORGED",
  /** The right one, in the clear. */
  "FINISHED_CLEAR",
  "DATA",
  "DATA_CLEAR",
  "CLOSE_NOTIFY",
  /** Protected; user_canceled. */
  "WARNING",
  /** Fatal, in the clear. */
  "ALERT_CLEAR",
  /** A ClientHello, protected. */
  "RENEGOTIATE",
] as const;

/** The last question of the server is answered: it comes before others that may still be open, and those are never answered. */
export const ANSWER = "ANSWER";

export type ModelSymbol = (typeof SYMBOLS)[number];

export { KafkaBus } from "./kafka-bus.ts";
export type { KafkaLog } from "./kafka-clients.ts";
export {
  type KafkaSaslSettings,
  type KafkaSettings,
  type KafkaSslSettings,
  validateKafkaSettings,
} from "./settings.ts";

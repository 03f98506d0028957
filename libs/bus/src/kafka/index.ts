export { KafkaBus, type KafkaLog } from "./kafka-bus.ts";
export {
  type KafkaSaslSettings,
  type KafkaSettings,
  type KafkaSslSettings,
  validateKafkaSettings,
} from "./settings.ts";

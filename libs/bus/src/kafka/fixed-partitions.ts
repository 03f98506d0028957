import type { PartitionAssigner } from "kafkajs";
import { kafkajs } from "./kafkajs.ts";

/**
 * An assigner for a group of one: its only member gets exactly these partitions, or all when none are named.
 *
 * kafkajs has no manual assignment; a group that nobody else joins comes to the same.
 */
export function fixedPartitions(topic: string, partitions: readonly number[] | undefined): PartitionAssigner {
  const { MemberAssignment, MemberMetadata } = kafkajs.AssignerProtocol;
  const userData = Buffer.alloc(0);
  return ({ cluster }) => ({
    name: "fixed",
    version: 0,
    protocol: ({ topics }) => ({
      name: "fixed",
      metadata: MemberMetadata.encode({ version: 0, topics, userData }),
    }),
    assign: async ({ members }) =>
      members.map(({ memberId }, index) => {
        const assigned = partitions ?? cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId);
        const assignment: Record<string, number[]> = index === 0 ? { [topic]: [...assigned] } : {};
        return { memberId, memberAssignment: MemberAssignment.encode({ version: 0, assignment, userData }) };
      }),
  });
}

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SeededRandom } from "@ferry/testing";

/** Of the ids that OMA gives to others (OMA LwM2M registry): none is of a model that ships. */
const FIRST_ID = 30_000;
const SEED = 1133;
/** Every so many files another version of the object before. */
const VERSIONS = 5;
const WORDS =
  "the value of this resource is reported by device when sensor measured last it and unit as given in".split(" ");
const TYPES = ["String", "Integer", "Float", "Boolean", "Opaque", "Time", "Objlnk", "Unsigned Integer"];

/** Writes model files as OMA's registry has them: 5 to 60 resources with descriptions, several versions of some objects; some 15 kB each. The same files each time. */
export function writeModels(folder: string, count: number): void {
  mkdirSync(folder, { recursive: true });
  const random = new SeededRandom(SEED);
  for (let index = 0; index < count; index++) {
    const id = FIRST_ID + Math.floor(index / VERSIONS) * 4 + Math.min(index % VERSIONS, 3);
    const version = index % VERSIONS === VERSIONS - 1 ? "1.1" : "1.0";
    writeFileSync(join(folder, `${id}_${version}.xml`), modelXml(id, version, random));
  }
}

function modelXml(id: number, version: string, random: SeededRandom): string {
  const items = Array.from({ length: 5 + random.below(56) }, (_, resource) => itemXml(resource, random));
  return `<?xml version="1.0" encoding="UTF-8"?>
<!-- Generated for measurements. -->
<LWM2M xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="LWM2M-v1_1.xsd">
  <Object ObjectType="MODefinition">
    <Name>Generated ${id}</Name>
    <Description1><![CDATA[${sentence(40, random)}]]></Description1>
    <ObjectID>${id}</ObjectID>
    <ObjectURN>urn:oma:lwm2m:x:${id}:${version}</ObjectURN>
    <LWM2MVersion>1.1</LWM2MVersion>
    <ObjectVersion>${version}</ObjectVersion>
    <MultipleInstances>Multiple</MultipleInstances>
    <Mandatory>Optional</Mandatory>
    <Resources>
${items.join("\n")}
    </Resources>
    <Description2></Description2>
  </Object>
</LWM2M>
`;
}

function itemXml(id: number, random: SeededRandom): string {
  const isExecutable = random.below(10) === 0;
  return `      <Item ID="${id}">
        <Name>${sentence(2, random)} ${id}</Name>
        <Operations>${isExecutable ? "E" : (["R", "W", "RW"][random.below(3)] as string)}</Operations>
        <MultipleInstances>${random.below(5) === 0 ? "Multiple" : "Single"}</MultipleInstances>
        <Mandatory>Optional</Mandatory>
        <Type>${isExecutable ? "" : (TYPES[random.below(TYPES.length)] as string)}</Type>
        <RangeEnumeration></RangeEnumeration>
        <Units></Units>
        <Description><![CDATA[${sentence(25, random)}]]></Description>
      </Item>`;
}

function sentence(words: number, random: SeededRandom): string {
  return Array.from({ length: words }, () => WORDS[random.below(WORDS.length)]).join(" ");
}

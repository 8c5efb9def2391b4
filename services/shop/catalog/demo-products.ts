import type { Category } from "./repository.ts";

/** A product of the demo shop. Its place in the list, from 1, is the number at the end of its id. */
export interface DemoProduct {
  readonly name: string;
  readonly category: string;
  /** Euros and cents. */
  readonly price: readonly [units: number, cents: number];
  readonly description: string;
}

/** The shelves of the demo shop. */
export const demoCategories: readonly Category[] = [
  { id: "books", displayName: "Books" },
  { id: "kitchen", displayName: "Kitchen" },
  { id: "garden", displayName: "Garden" },
  { id: "stationery", displayName: "Stationery" },
  { id: "textiles", displayName: "Textiles" },
];

/** The goods of the demo shop. The inventory stocks them by their ids; of the last one there is a single piece. */
export const demoProducts: readonly DemoProduct[] = [
  {
    name: "The Weaver's Handbook",
    category: "books",
    price: [34, 0],
    description: "Looms, threads and patterns, explained from the first knot.",
  },
  {
    name: "A Field Guide to Hedgerows",
    category: "books",
    price: [18, 50],
    description: "Two hundred plants along the lane, with drawings.",
  },
  {
    name: "Bread in Forty Loaves",
    category: "books",
    price: [24, 90],
    description: "Sourdough, rye and flat breads for a home oven.",
  },
  {
    name: "Night Trains of Europe",
    category: "books",
    price: [29, 0],
    description: "Routes, timetables and stories from the sleeping car.",
  },
  {
    name: "Small Boats, Long Journeys",
    category: "books",
    price: [16, 20],
    description: "Essays on going slowly across wide water.",
  },
  {
    name: "Cast-iron pan, 28 cm",
    category: "kitchen",
    price: [59, 95],
    description: "Seasoned, for gas, induction and open fire.",
  },
  {
    name: "Copper kettle",
    category: "kitchen",
    price: [89, 0],
    description: "Holds 1.5 litres and whistles in two notes.",
  },
  {
    name: "Bread knife",
    category: "kitchen",
    price: [32, 50],
    description: "Serrated blade of 24 cm, handle of walnut.",
  },
  {
    name: "Enamel mug",
    category: "kitchen",
    price: [9, 80],
    description: "White with a blue rim, survives the campfire.",
  },
  {
    name: "Stoneware bowl set",
    category: "kitchen",
    price: [48, 0],
    description: "Four bowls, glazed by hand, safe in the dishwasher.",
  },
  {
    name: "Secateurs",
    category: "garden",
    price: [27, 40],
    description: "Bypass blades for branches of up to 20 mm.",
  },
  {
    name: "Watering can, 10 litres",
    category: "garden",
    price: [36, 0],
    description: "Galvanised steel with a removable brass rose.",
  },
  {
    name: "Wildflower seeds",
    category: "garden",
    price: [4, 50],
    description: "Thirty native species for ten square metres.",
  },
  {
    name: "Hand trowel",
    category: "garden",
    price: [14, 90],
    description: "Forged from one piece, ash handle.",
  },
  {
    name: "Bee hotel",
    category: "garden",
    price: [22, 0],
    description: "Oak and reed, for solitary bees; hang it towards the sun.",
  },
  {
    name: "Fountain pen",
    category: "stationery",
    price: [45, 0],
    description: "Medium steel nib, filled by piston.",
  },
  {
    name: "Dotted notebook, A5",
    category: "stationery",
    price: [12, 90],
    description: "160 pages of 100 g paper, thread-bound, lies flat.",
  },
  {
    name: "Ink, midnight blue",
    category: "stationery",
    price: [11, 50],
    description: "A bottle of 50 ml, resists water once dry.",
  },
  {
    name: "Brass pencil sharpener",
    category: "stationery",
    price: [7, 20],
    description: "Two holes, spare blade in the lid.",
  },
  {
    name: "Letter paper and envelopes",
    category: "stationery",
    price: [15, 0],
    description: "Fifty sheets of laid paper with matching envelopes.",
  },
  {
    name: "Linen tea towel",
    category: "textiles",
    price: [13, 50],
    description: "Woven in herringbone, dries glasses without lint.",
  },
  {
    name: "Wool blanket",
    category: "textiles",
    price: [119, 0],
    description: "Undyed lambswool, 140 by 200 cm.",
  },
  {
    name: "Handwoven scarf",
    category: "textiles",
    price: [64, 0],
    description: "Merino and silk, woven on a loom of eight shafts.",
  },
  {
    name: "Last one: signed first edition",
    category: "books",
    price: [250, 0],
    description: "The Weaver's Handbook, 1931, with the author's signature. There is one.",
  },
];

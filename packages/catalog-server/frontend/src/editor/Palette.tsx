import { GripVertical, Plug, Plus } from "lucide-react";
import { memo, useMemo, useState } from "react";
import { Input, SearchField, Switch } from "react-aria-components";
import { Link } from "react-router";

import type { CatalogAction, CatalogModule } from "../api/catalog";
import { useT } from "../i18n";
import { ModuleIcon, TypeIcon } from "../ui/icons";
import { useShared } from "./context";
import { startDrag } from "./drag";
import type { Found } from "./model/palette";
import { bySection, type Offer, offers, SECTIONS, usePalette } from "./offer";

/** Everything that can be added; a tile is added where the list is, or dragged to where it belongs. */
export const PalettePanel = memo(function PalettePanel({
  isAdmin,
  onAdd,
}: {
  isAdmin: boolean;
  onAdd: (offer: Offer) => void;
}) {
  const t = useT();
  const palette = usePalette();
  const [query, setQuery] = useState("");
  const [showsUnavailable, setShowsUnavailable] = useState(false);
  const isSearching = query.trim() !== "";
  const all = useMemo(() => palette.find(""), [palette]);
  const found = useMemo(() => (isSearching ? palette.find(query) : all), [palette, query, isSearching, all]);
  const hidden = found.modules.filter(({ module }) => !module.available).length;
  const count = found.types.length + found.modules.length - (showsUnavailable ? 0 : hidden);
  const common = { showsUnavailable, onAdd };
  return (
    <section className="ed-palette" aria-label={t("editor.palette.label")}>
      <SearchField className="ed-search" value={query} onChange={setQuery} aria-label={t("editor.palette.search")}>
        <Input className="ed-input" placeholder={t("editor.palette.search")} />
      </SearchField>
      <div className="visually-hidden" aria-live="polite">
        {isSearching ? t("editor.palette.found", { count }) : ""}
      </div>
      <div className="ed-palette-list">
        {/* A search hides the tiles: to draw hundreds of them anew takes longer. */}
        <div hidden={isSearching}>
          <Sections found={all} {...common} />
        </div>
        {isSearching ? <Sections found={found} isAnswer {...common} /> : null}
        {isSearching && found.modules.length - hidden > FOUND ? (
          <p className="ed-more">{t("editor.palette.more", { count: found.modules.length - hidden - FOUND })}</p>
        ) : null}
        {count === 0 ? <p className="ed-empty">{t("editor.palette.nothing", { query })}</p> : null}
      </div>
      {isAdmin && hidden > 0 ? (
        <footer className="ed-palette-foot">
          <Switch className="ed-switch" isSelected={showsUnavailable} onChange={setShowsUnavailable}>
            <span className="ed-switch-track" aria-hidden />
            {t("editor.palette.unavailable", { count: hidden })}
          </Switch>
        </footer>
      ) : null}
    </section>
  );
});

/** More modules, and more actions of one, than anybody reads in a search's answer are found by more words. */
const FOUND = 8;
const SHOWN = 5;
const NONE: readonly CatalogAction[] = [];

/** The tiles, by sections; in a search's answer modules have the actions that were found beside them. */
const Sections = memo(function Sections({
  found,
  isAnswer = false,
  showsUnavailable,
  onAdd,
}: {
  found: Found;
  isAnswer?: boolean;
  showsUnavailable: boolean;
  onAdd: (offer: Offer) => void;
}) {
  const t = useT();
  const { canEdit } = useShared();
  const possible = found.modules.filter(({ module }) => module.available || showsUnavailable);
  const sections = bySection({ ...found, modules: isAnswer ? possible.slice(0, FOUND) : possible });
  return SECTIONS.map((section) => {
    const { types, modules } = sections[section];
    if (types.length + modules.length === 0) {
      return null;
    }
    return (
      <div key={section} className="ed-palette-section">
        <h2>{t(`editor.section.${section}`)}</h2>
        <ul>
          {types.map((type) => (
            <li key={type.type}>
              <Tile
                offer={offers.ofType(type.type, type.label)}
                icon={<TypeIcon type={type.type} />}
                description={type.description}
                isDisabled={!canEdit}
                onAdd={onAdd}
              />
            </li>
          ))}
          {modules.map(({ module, actions, isByName }) => (
            <ModuleTile
              key={module.groupKey}
              module={module}
              actions={isAnswer && !(isByName && actions.length === module.actions.length) ? actions : NONE}
              isDisabled={!canEdit}
              onAdd={onAdd}
            />
          ))}
        </ul>
      </div>
    );
  });
});

const ModuleTile = memo(function ModuleTile({
  module,
  actions,
  isDisabled,
  onAdd,
}: {
  module: CatalogModule;
  actions: readonly CatalogAction[];
  isDisabled: boolean;
  onAdd: (offer: Offer) => void;
}) {
  const t = useT();
  const offer = offers.ofModule(module);
  if (!module.available) {
    return (
      <li className="ed-tile ed-tile-unavailable">
        <ModuleIcon token={module?.iconToken} />
        <span className="ed-tile-words">
          <span className="ed-tile-label">{module.label}</span>
          <small>{module.reason || t("editor.unavailable.unknown")}</small>
          <Link to="/connections" className="ed-link">
            <Plug size={12} aria-hidden /> {t("editor.unavailable.connect")}
          </Link>
        </span>
      </li>
    );
  }
  return (
    <li>
      {offer ? (
        <Tile
          offer={offer}
          icon={<ModuleIcon token={module?.iconToken} />}
          description={module.description}
          isDisabled={isDisabled}
          onAdd={onAdd}
        />
      ) : null}
      {actions.length > 0 ? (
        <ul className="ed-tile-actions">
          {actions.slice(0, SHOWN).map((action) => (
            <li key={action.id}>
              <button
                type="button"
                className="ed-tile-action"
                disabled={isDisabled}
                onClick={() => onAdd(offers.ofAction(module, action.id))}
              >
                <Plus size={12} aria-hidden />
                <span>
                  <span className="visually-hidden">
                    {t("editor.palette.verb")} {module.label}:{" "}
                  </span>
                  {action.label}
                </span>
              </button>
            </li>
          ))}
          {actions.length > SHOWN ? (
            <li className="ed-more">{t("editor.palette.more", { count: actions.length - SHOWN })}</li>
          ) : null}
        </ul>
      ) : null}
    </li>
  );
});

function Tile({
  offer,
  icon,
  description,
  isDisabled,
  onAdd,
}: {
  offer: Offer;
  icon: React.ReactNode;
  description: string;
  isDisabled: boolean;
  onAdd: (offer: Offer) => void;
}) {
  const t = useT();
  return (
    <div
      draggable={!isDisabled}
      onDragStart={(event) => startDrag(event, { kind: "offer", offer })}
      className="ed-tile-drag"
    >
      <button type="button" className="ed-tile" disabled={isDisabled} onClick={() => onAdd(offer)}>
        {icon}
        <span className="ed-tile-words" title={description}>
          <span className="ed-tile-label">
            <span className="visually-hidden">{t("editor.palette.verb")} </span>
            {offer.label}
          </span>
          <small>{description}</small>
        </span>
        <GripVertical className="ed-grip" size={14} aria-hidden />
      </button>
    </div>
  );
}
